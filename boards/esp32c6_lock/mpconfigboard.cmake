# The hardened image of this board: `make BOARD_DIR=.../boards/esp32c6_lock` in MicroPython's ports/esp32.
set(IDF_TARGET esp32c6)
set(RINGSLOT_PARTITIONS partitions-8MiB.csv)
set(RINGSLOT_SDKCONFIG boards/sdkconfig.riscv boards/sdkconfig.c6)
include(${CMAKE_CURRENT_LIST_DIR}/../esp32_hardened/board.cmake)
