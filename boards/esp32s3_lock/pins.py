"""The reference lock on an ESP32-S3-WROOM-1: which part is on which pin. README.md says what belongs between them."""

NAME = "esp32s3_lock"
CHIP = "esp32s3"
ROOT = ""  # the whole of the flash's file system

MOTOR_PULL_PIN = 14  # DRV8837 IN1: high draws the bolt
MOTOR_AWAKE_PIN = 21  # DRV8837 nSLEEP: low, and the bridge is off
BOLT_OPEN_PIN = 4  # reed switch to ground, closed when the bolt is drawn back
BOLT_CLOSED_PIN = 5  # reed switch to ground, closed when the bolt is in the ring
SHACKLE_CLOSED_PIN = 6  # reed switch to ground, closed when the ring is shut
REED_PULL_UPS = False  # 1 MOhm on the board: the chip's own 45 kOhm would take 146 uA of a closed lock
BUTTON_PIN = 7  # to 3.3 V when pressed
LED_RED_PIN = 10  # one light of three colours, common cathode
LED_GREEN_PIN = 47
LED_BLUE_PIN = 48
LED_TIMER = 1  # 0 is the modem's UART's
BATTERY_PIN = 1  # behind the divider
BATTERY_DIVIDER = (2, 1)  # 1 MOhm over 1 MOhm
MOTION_SDA_PIN = 8
MOTION_SCL_PIN = 9
MOTION_INT_PIN = 15  # LIS2DH12 INT1, high when it has moved
MOTION_ADDRESS = 0x19  # SA0 high
GNSS_UART = 1
GNSS_BAUD = 9_600
GNSS_TX_PIN = 17  # not connected: the receiver needs no word from us
GNSS_RX_PIN = 18  # the receiver's TXD
GNSS_POWER_PIN = 16  # load switch: high is on
MODEM_UART = 2
MODEM_BAUD = 115_200
MODEM_TX_PIN = 11  # by a level shifter to the modem's RXD
MODEM_RX_PIN = 12  # by a level shifter from the modem's TXD
MODEM_KEY_PIN = 13  # transistor: high holds PWRKEY down
MODEM_KEY_MS = 1_500
