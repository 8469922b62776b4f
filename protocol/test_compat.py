from protocol import compat

KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")  # NIST SP 800-38A appendix F
TWO_BLOCKS = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")


def test_aes_ecb_each_block_alone():
    encrypt = compat.aes_ecb(KEY)
    sealed = bytes.fromhex("3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf")
    assert encrypt(TWO_BLOCKS) == sealed
    assert encrypt(TWO_BLOCKS[16:]) == sealed[16:]  # and nothing is carried from call to call


def test_aes_cbc():
    iv = bytes(range(16))
    sealed = bytes.fromhex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2")
    assert compat.aes_cbc(KEY, iv)(TWO_BLOCKS) == sealed
    goes_on = compat.aes_cbc(KEY, iv)
    assert goes_on(TWO_BLOCKS[:16]) + goes_on(TWO_BLOCKS[16:]) == sealed


def test_const_is_its_value():
    assert compat.const(41) == 41


def test_ticks_count_up_and_wrap():
    now = compat.ticks_ms()
    assert 0 <= compat.ticks_diff(compat.ticks_ms(), now) < 60_000
    for start in (now, compat.ticks_add(0, -5)):  # the second is 5 ms before the wrap
        later = compat.ticks_add(start, 10)
        assert compat.ticks_diff(later, start) == 10
        assert compat.ticks_diff(start, later) == -10
