"""The accelerometer's side of I2C: the registers that matter of a LIS2DH12, and its line INT1.

`shake_mg()`: how hard it is shaken now, beside gravity. Whoever set it up wrongly learns it as from the real one:
without the high-pass filter gravity itself passes any threshold; without the latch the line falls at once.
"""

_RESET = {0x0F: 0x33, 0x20: 0x07}
_GRAVITY_MG = 1_000


class Lis2dh12:
    def __init__(self, shake_mg):
        self._shake_mg = shake_mg
        self.answers = True
        self.power_cycle()

    def power_cycle(self):
        """As after a dip in its supply: all settings are gone."""
        self._registers = dict(_RESET)
        self._latched = False

    def read(self, register):
        self.sample()
        if register == 0x31:
            source, self._latched = 0x40 | 0x2A if self._latched else 0, False
            return source
        return self._registers.get(register, 0)

    def write(self, register, value):
        if register not in range(0x1E, 0x40) or register in (0x27, 0x31):
            return  # read only
        self._registers[register] = value

    def int1(self):
        self.sample()
        return int(self._latched and bool(self._registers.get(0x22, 0) & 0x40))

    def sample(self):
        """Compares, as it does by itself ten times a second."""
        get = self._registers.get
        running = get(0x20, 0) & 0xF0 and get(0x20, 0) & 0x07 and get(0x30, 0) & 0x2A
        felt = self._shake_mg() + (0 if get(0x21, 0) & 0x01 else _GRAVITY_MG)
        trips = bool(running) and felt > get(0x32, 0) * 16
        self._latched = trips or (self._latched and bool(get(0x24, 0) & 0x08))
