# Included by each board's mpconfigboard.cmake, which has set IDF_TARGET, RINGSLOT_PARTITIONS and RINGSLOT_SDKCONFIG (what of
# MicroPython's own boards/sdkconfig.* the chip needs). RINGSLOT_SECURE=1 adds what burns fuses: README.md first.

set(RINGSLOT_HARDENED ${CMAKE_CURRENT_LIST_DIR})

# A path that only this build knows: sdkconfig files are copied, not expanded.
set(RINGSLOT_PATHS ${CMAKE_BINARY_DIR}/sdkconfig.ringslot)
file(WRITE ${RINGSLOT_PATHS}
    "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${RINGSLOT_HARDENED}/${RINGSLOT_PARTITIONS}\"\n")

# The last word on an option counts.
set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    ${RINGSLOT_SDKCONFIG}
    boards/sdkconfig.ble
    ${RINGSLOT_HARDENED}/sdkconfig.hardened
    ${MICROPY_BOARD_DIR}/sdkconfig.board
    ${RINGSLOT_PATHS}
)
if(RINGSLOT_SECURE)
    list(APPEND SDKCONFIG_DEFAULTS ${RINGSLOT_HARDENED}/sdkconfig.secure)
endif()

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
set(MICROPY_SOURCE_BOARD ${RINGSLOT_HARDENED}/no_prompt.c)
list(APPEND MICROPY_DEF_BOARD MP_CONFIGFILE="${RINGSLOT_HARDENED}/settings.h")
set(MICROPY_PY_BTREE OFF)
