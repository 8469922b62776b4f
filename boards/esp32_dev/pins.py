"""A lock on the bench, of an ESP32-DevKitC and modules: which part is on which pin. README.md says how."""

NAME = "esp32_dev"
CHIP = "esp32"
ROOT = ""  # the whole of the flash's file system

SERVO_PIN = 18  # its pulses
SERVO_POWER_PIN = 19  # switches its supply: high is on
SERVO_TIMER = 2
SERVO_DRAWN_NS = 2_000_000  # the pulse that draws the bolt
SERVO_REST_NS = 1_000_000  # the pulse that lets go of it
BOLT_OPEN_PIN = 25  # reed switch to ground, closed when the bolt is drawn back
BOLT_CLOSED_PIN = 26  # reed switch to ground, closed when the bolt is in the ring
SHACKLE_CLOSED_PIN = 27  # reed switch to ground, closed when the ring is shut
REED_PULL_UPS = True  # the chip's own: fewer parts, and current does not matter here
BUTTON_PIN = 33  # to 3.3 V when pressed
LED_PIN = 23
LED_TIMER = 1  # 0 is the modem's UART's
BATTERY_PIN = 35  # behind the divider
BATTERY_DIVIDER = (2, 1)  # 100 kOhm over 100 kOhm
MOTION_SDA_PIN = 21
MOTION_SCL_PIN = 22
MOTION_INT_PIN = 34  # LIS3DH INT1, high when it has moved
MOTION_ADDRESS = 0x18  # SDO low, as most modules have it
GNSS_UART = 1
GNSS_BAUD = 9_600
GNSS_TX_PIN = 4  # not connected: the receiver needs no word from us
GNSS_RX_PIN = 39  # the receiver's TXD
GNSS_POWER_PIN = 13  # switches its supply: high is on
MODEM_UART = 2
MODEM_BAUD = 115_200
MODEM_TX_PIN = 14  # the modem's RXD
MODEM_RX_PIN = 36  # the modem's TXD
MODEM_KEY_PIN = 32  # transistor: high holds PWRKEY down
MODEM_KEY_MS = 1_500
