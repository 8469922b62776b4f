"""A lock's file system as one image: what is in it, how large it is, and who may read it."""

import pytest

from boards.sim.flash_image import image_of, read_image
from boards.test_esp_idf import table_of
from boards.test_pins import BOARDS
from tools import lock_image
from tools.errors import ToolError

FILES = {"identity": b"secret" * 9, "keyset": bytes(600), "settings.json": b"{}", "comb-base": bytes(15_360)}


@pytest.mark.parametrize("board", BOARDS)
def test_it_holds_the_files_and_fills_the_partition(board, tmp_path):
    path = tmp_path / "lock.littlefs"
    path.write_bytes(b"of before")
    offset = lock_image.make(FILES, board, path)
    text, flash, _ = table_of(board)
    assert f"{offset:#x}".upper() in text.upper() and offset + path.stat().st_size == flash
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "again").write_bytes(image_of(path.read_bytes()))
    assert read_image(tmp_path / "again") == FILES
    assert sorted(each.name for each in tmp_path.iterdir()) == ["again", "lock.littlefs"]


def test_a_board_that_is_not_flashed_so_and_a_folder_that_is_not_there_are_said(tmp_path):
    with pytest.raises(ToolError, match="no board of ESP32 parts"):
        lock_image.make(FILES, "qemu_rv32", tmp_path / "image")
    with pytest.raises(ToolError, match="was not written"):
        lock_image.make(FILES, "esp32_dev", tmp_path / "nowhere" / "image")
