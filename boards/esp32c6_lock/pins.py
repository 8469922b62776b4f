"""The reference lock on an ESP32-C6-WROOM-1: which part is on which pin. README.md says what belongs between them."""

NAME = "esp32c6_lock"
CHIP = "esp32c6"
ROOT = ""  # the whole of the flash's file system

MOTOR_PULL_PIN = 10  # DRV8837 IN1: high draws the bolt
MOTOR_AWAKE_PIN = 11  # DRV8837 nSLEEP: low, and the bridge is off
BOLT_OPEN_PIN = 18  # reed switch to ground, closed when the bolt is drawn back
BOLT_CLOSED_PIN = 19  # reed switch to ground, closed when the bolt is in the ring
SHACKLE_CLOSED_PIN = 20  # reed switch to ground, closed when the ring is shut
REED_PULL_UPS = False  # 1 MOhm on the board: the chip's own 45 kOhm would take 146 uA of a closed lock
BUTTON_PIN = 2  # to 3.3 V when pressed
LED_PIN = 21
LED_TIMER = 1  # this chip has two
BATTERY_PIN = 0  # behind the divider
BATTERY_DIVIDER = (2, 1)  # 1 MOhm over 1 MOhm
MOTION_SDA_PIN = 6
MOTION_SCL_PIN = 7
MOTION_INT_PIN = 3  # LIS2DH12 INT1, high when it has moved
MOTION_ADDRESS = 0x19  # SA0 high
GNSS_UART = 1  # UART 0 is the console of the stock build, so there is none left for a modem
GNSS_BAUD = 9_600
GNSS_TX_PIN = 23  # not connected: the receiver needs no word from us
GNSS_RX_PIN = 22  # the receiver's TXD
GNSS_POWER_PIN = 1  # load switch: high is on
