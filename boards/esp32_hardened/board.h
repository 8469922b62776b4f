// Included by each board's mpconfigboard.h: what of MicroPython's ports/esp32 a lock on the street has not.

// No prompt: no line to a console, no compiler, no key that interrupts, no help. no_prompt.c has what main.c then lacks.
#define MICROPY_HW_ENABLE_UART_REPL (0)
#define MICROPY_HW_ENABLE_USBDEV (0)
#define MICROPY_HW_USB_CDC (0)
#define MICROPY_HW_ESP_USB_SERIAL_JTAG (0)
#define MICROPY_ENABLE_COMPILER (0)
#define MICROPY_KBD_EXCEPTION (0)
#define MICROPY_HELPER_REPL (0)
#define MICROPY_PY_BUILTINS_HELP (0)
#define MICROPY_PY_BUILTINS_INPUT (0)
#define MICROPY_PY_SYS_PS1_PS2 (0)
#define MICROPY_MODULE_FROZEN_STR (0)

// Nothing that answers on a network unasked: MicroPython's own images listen for mDNS while Wi-Fi is connected.
#define MICROPY_HW_ENABLE_MDNS_QUERIES (0)
#define MICROPY_HW_ENABLE_MDNS_RESPONDER (0)
#define MICROPY_PY_ESPNOW (0)

#define MICROPY_HW_ENABLE_SDCARD (0)
