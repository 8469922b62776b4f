from boards.parts import boot

boot.start("esp32s3_lock")
