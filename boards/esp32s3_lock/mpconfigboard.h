#define MICROPY_HW_BOARD_NAME "Ringslot esp32s3_lock"
#define MICROPY_HW_MCU_NAME "ESP32S3"
#include "../esp32_hardened/board.h"
