#define MICROPY_HW_BOARD_NAME "Ringslot esp32c6_lock"
#define MICROPY_HW_MCU_NAME "ESP32C6"
#include "../esp32_hardened/board.h"
