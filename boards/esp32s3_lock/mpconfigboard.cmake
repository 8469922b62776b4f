# The hardened image of this board: `make BOARD_DIR=.../boards/esp32s3_lock` in MicroPython's ports/esp32.
set(IDF_TARGET esp32s3)
set(RINGSLOT_PARTITIONS partitions-8MiB.csv)
set(RINGSLOT_SDKCONFIG)
include(${CMAKE_CURRENT_LIST_DIR}/../esp32_hardened/board.cmake)
