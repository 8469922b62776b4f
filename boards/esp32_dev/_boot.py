from boards.parts import boot

boot.start("esp32_dev")
