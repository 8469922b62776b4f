"""How warm the chip is, by the sensor in MicroPython's `esp32` module: the ESP32 has one, later chips another."""

COLDEST, HOTTEST = -100, 200  # a status record holds no more (SPEC.md section 10)


def reader(esp32):
    """A function: whole degrees C, None from a chip without a sensor, or one whose sensor is not believable.

    `esp32`: the module. The ESP32's own sensor is not calibrated and tells degrees Fahrenheit
    (docs/esp32/quickref.rst): good for changes, some ten degrees off as it stands.
    """
    celsius = getattr(esp32, "mcu_temperature", None)
    fahrenheit = getattr(esp32, "raw_temperature", None)

    def temperature():
        if celsius:
            degrees = celsius()
        elif fahrenheit:
            degrees = ((fahrenheit() - 32) * 10 + 9) // 18
        else:
            return None
        return degrees if COLDEST <= degrees <= HOTTEST else None

    return temperature
