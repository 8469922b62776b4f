#define MICROPY_HW_BOARD_NAME "Ringslot esp32_dev"
#define MICROPY_HW_MCU_NAME "ESP32"
#include "../esp32_hardened/board.h"
