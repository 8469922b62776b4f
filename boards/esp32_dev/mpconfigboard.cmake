# The hardened image of this board: `make BOARD_DIR=.../boards/esp32_dev` in MicroPython's ports/esp32.
set(IDF_TARGET esp32)
set(RINGSLOT_PARTITIONS partitions-4MiB.csv)
set(RINGSLOT_SDKCONFIG)
include(${CMAKE_CURRENT_LIST_DIR}/../esp32_hardened/board.cmake)
