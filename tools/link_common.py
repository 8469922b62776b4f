"""Names that every stock build of MicroPython keeps in its image, and that a lock has no use for: of math, framebuf,
uctypes, random, errno, heapq, deflate, sets and strings. Given to something else they cost no RAM (link_names.py).

One that a build lacks after all is a name like any other there. None of them is looked up by MicroPython itself.
"""

COMMON = tuple(
    """
    acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh degrees erf erfc expm1 fabs factorial floor fmod
    frexp gamma isclose isfinite isinf isnan ldexp lgamma log10 log2 modf radians sinh sqrt tan tanh trunc phase polar
    rect inf nan real imag complex

    blit ellipse fill_rect hline vline poly pixel scroll framebuf GS2_HMSB GS4_HMSB GS8 MONO_HLSB MONO_HMSB MONO_VLSB
    MVLSB RGB565

    ARRAY BFINT16 BFINT32 BFINT8 BFUINT16 BFUINT32 BFUINT8 BF_LEN BF_POS BIG_ENDIAN FLOAT32 FLOAT64 INT INT16 INT32
    INT64 INT8 LITTLE_ENDIAN LONG LONGLONG NATIVE PTR SHORT UINT UINT16 UINT32 UINT64 UINT8 ULONG ULONGLONG USHORT VOID
    addressof bytearray_at bytes_at sizeof uctypes

    choice getrandbits randint randrange seed uniform

    EACCES EADDRINUSE EAGAIN EALREADY EBADF ECONNABORTED ECONNREFUSED ECONNRESET EEXIST EHOSTUNREACH EINPROGRESS EINVAL
    EIO EISDIR ENOBUFS ENODEV ENOENT ENOMEM ENOTCONN EOPNOTSUPP EPERM ETIMEDOUT errorcode

    heapify heappop heappush AUTO GZIP RAW ZLIB deflate

    difference_update intersection intersection_update isdisjoint issubset issuperset symmetric_difference
    symmetric_difference_update union discard center islower isupper isspace isalpha partition rindex rsplit splitlines
    lstrip rstrip fromkeys popitem setdefault appendleft popleft

    alloc_emergency_exception_buf heap_lock heap_unlock kbd_intr opt_level pend_throw qstr_info stack_use
    byteorder implementation maxsize platform print_exception version_info ps1 ps2
    gmtime localtime mktime ticks_add ticks_cpu mem8 mem16 mem32 reset_cause soft_reset
    dumps separators keepends indices execfile a2b_base64 b2a_base64 bound_method closure dict_view newline bytecode
    """.split()
)
