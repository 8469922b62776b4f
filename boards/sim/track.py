"""A rider's track in a file, a point a line: `t_ms lat_e7 lon_e7`. Read as it is ridden, however long it is."""


class Track:
    """Iterate as often as needed. OSError without the file, ValueError for a line that is no point."""

    def __init__(self, path):
        self._path = path

    def __iter__(self):
        with open(self._path) as file:
            for number, line in enumerate(file, 1):
                try:
                    t_ms, lat_e7, lon_e7 = [int(word) for word in line.split()]
                except ValueError:
                    raise ValueError("%s, line %d: not `t_ms lat_e7 lon_e7`" % (self._path, number))
                yield t_ms, lat_e7, lon_e7
