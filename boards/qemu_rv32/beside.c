// The module `beside`: `make(function)` calls the function, and what is made meanwhile lies beside the heap, in memory of
// its own. That is for the bicycle around a lock, and for the people near it: on metal they are no objects in anybody's
// heap, and a heap of so many bytes should hold here what it holds there. Gives what the function gives.
//
// All that this memory points at in the heap stays: it is a root. Nothing in it is collected or used again; a piece that
// is given back (a list's or a dict's that has grown) is blanked, so that it holds nothing any more. What the bicycle makes
// later, while the lock runs, lies in the heap with everything else, and what has a finaliser always does.
// `used()`: its bytes.
//
// mpconfigboard.mk renames MicroPython's own three functions to the `port_` ones, inside py/gc.c only.

#include <string.h>

#include "py/gc.h"
#include "py/runtime.h"
#include "shared/runtime/gchelper.h"


void *port_gc_alloc(size_t size, unsigned int flags);
void *port_gc_realloc(void *old, size_t size, bool may_move);
void port_gc_free(void *old);

typedef struct {
    uint32_t size; // of the piece that follows, in bytes
    uint32_t unused; // objects lie at multiples of 8
    char bytes[];
} piece_t;

extern char _board_beside[], _board_beside_end[];

static size_t used;
static bool making;

void beside_clear(void) {
    used = 0;
    making = false;
}

static bool is_beside(const void *pointer) {
    return (const char *)pointer >= _board_beside && (const char *)pointer < _board_beside_end;
}

void *gc_alloc(size_t size, unsigned int flags) {
    if (!making || size == 0 || (flags & GC_ALLOC_FLAG_HAS_FINALISER)) {
        return port_gc_alloc(size, flags);
    }
    size_t rounded = (size + 7) & ~(size_t)7;
    if (rounded + sizeof(piece_t) > (size_t)(_board_beside_end - _board_beside) - used) {
        return NULL;
    }
    piece_t *piece = (piece_t *)(_board_beside + used);
    used += sizeof(piece_t) + rounded;
    piece->size = rounded;
    return memset(piece->bytes, 0, rounded);
}

void *gc_realloc(void *old, size_t size, bool may_move) {
    if (old == NULL) {
        return gc_alloc(size, 0);
    }
    if (!is_beside(old)) {
        return port_gc_realloc(old, size, may_move);
    }
    size_t before = ((piece_t *)old - 1)->size;
    if (size != 0 && size <= before) {
        return old;
    }
    void *moved = may_move && size ? gc_alloc(size, 0) : NULL;
    if (moved != NULL) {
        memcpy(moved, old, before);
    }
    if (moved != NULL || size == 0) {
        gc_free(old);
    }
    return moved;
}

void gc_free(void *old) {
    if (is_beside(old)) {
        memset(old, 0, ((piece_t *)old - 1)->size);
    } else {
        port_gc_free(old);
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_collect_root((void **)_board_beside, used / sizeof(void *));
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

static mp_obj_t make(mp_obj_t function) {
    bool outer = making;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        making = true;
        mp_obj_t made = mp_call_function_0(function);
        nlr_pop();
        making = outer;
        return made;
    }
    making = outer;
    nlr_jump(nlr.ret_val);
}
static MP_DEFINE_CONST_FUN_OBJ_1(make_obj, make);

static mp_obj_t used_bytes(void) {
    return mp_obj_new_int(used);
}
static MP_DEFINE_CONST_FUN_OBJ_0(used_obj, used_bytes);

static const mp_rom_map_elem_t names[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_beside) },
    { MP_ROM_QSTR(MP_QSTR_make), MP_ROM_PTR(&make_obj) },
    { MP_ROM_QSTR(MP_QSTR_used), MP_ROM_PTR(&used_obj) },
};
static MP_DEFINE_CONST_DICT(names_dict, names);

const mp_obj_module_t beside_module = { .base = { &mp_type_module }, .globals = (mp_obj_dict_t *)&names_dict };
MP_REGISTER_MODULE(MP_QSTR_beside, beside_module);
