// The module `flash`: blocks of 4 KiB in memory that the host keeps in a file, so that they outlive the machine. In C, as
// an ESP32's block device is. Reading and writing are copies; erasing costs nothing and leaves what was there, which
// littlefs never reads. Offered as vfs.AbstractBlockDev with offsets.
//
// Writes and erasures are counted, so that the host can have the power go in any one of them (options.h).

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"

#include "options.h"

#define BLOCK (4096)
#define BLOCKS (256)

extern char _board_flash;

static char *place(size_t n_args, const mp_obj_t *args, size_t length) {
    size_t at = mp_obj_get_int(args[1]) * BLOCK + (n_args > 3 ? mp_obj_get_int(args[3]) : 0);
    if (at > BLOCK * BLOCKS || length > BLOCK * BLOCKS - at) {
        mp_raise_OSError(MP_EIO);
    }
    return &_board_flash + at;
}

// How much is there of the change that was cut; boards/sim/flash.py has the same words for it.
enum { NOTHING, HALF, ALL_BUT_ONE, RANDOM, ALL };

#define TEST_DEVICE (*(volatile uint32_t *)0x100000)
#define FAIL (0x3333)
#define EXIT_CUT (5)

void board_random(uint8_t *buffer, size_t n);

static uint8_t torn(uint8_t before, uint8_t after, size_t i, size_t length) {
    uint8_t mask = 0;
    switch (_board_options.tear) {
        case HALF:
            mask = i < length / 2 ? 0xff : 0;
            break;
        case ALL_BUT_ONE:
            mask = i < length - 1 ? 0xff : 0;
            break;
        case RANDOM:
            board_random(&mask, 1);
            break;
        case ALL:
            mask = 0xff;
            break;
    }
    return (after & mask) | (before & ~mask);
}

// Counts a change, and ends QEMU in the one that is to be cut. `data`: NULL for an erasure.
static void count(uint8_t *at, const uint8_t *data, size_t length) {
    static uint32_t changes;
    if (++changes == _board_options.cut_at) {
        for (size_t i = 0; i < length; i++) {
            at[i] = torn(at[i], data ? data[i] : 0xff, i, length);
        }
        TEST_DEVICE = EXIT_CUT << 16 | FAIL;
        for (;;) {
        }
    }
}

static mp_obj_t readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    memcpy(buffer.buf, place(n_args, args, buffer.len), buffer.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(readblocks_obj, 3, 4, readblocks);

static mp_obj_t writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    char *at = place(n_args, args, buffer.len);
    count((uint8_t *)at, buffer.buf, buffer.len);
    memcpy(at, buffer.buf, buffer.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(writeblocks_obj, 3, 4, writeblocks);

static mp_obj_t ioctl(mp_obj_t self, mp_obj_t operation, mp_obj_t argument) {
    switch (mp_obj_get_int(operation)) {
        case 4:
            return MP_OBJ_NEW_SMALL_INT(BLOCKS);
        case 5:
            return MP_OBJ_NEW_SMALL_INT(BLOCK);
        case 6:
            count((uint8_t *)&_board_flash + mp_obj_get_int(argument) * BLOCK, NULL, BLOCK);
            return MP_OBJ_NEW_SMALL_INT(0);
        default: // start, stop, sync
            return MP_OBJ_NEW_SMALL_INT(0);
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(ioctl_obj, ioctl);

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return mp_obj_malloc(mp_obj_base_t, type);
}

static const mp_rom_map_elem_t methods[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(methods_dict, methods);

static MP_DEFINE_CONST_OBJ_TYPE(
    flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE, make_new, make_new, locals_dict, &methods_dict);

static const mp_rom_map_elem_t names[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_flash) },
    { MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_type) },
};
static MP_DEFINE_CONST_DICT(names_dict, names);

const mp_obj_module_t flash_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&names_dict };
MP_REGISTER_MODULE(MP_QSTR_flash, flash_module);
