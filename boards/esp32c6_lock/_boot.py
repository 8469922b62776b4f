from boards.parts import boot

boot.start("esp32c6_lock")
