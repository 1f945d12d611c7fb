"""Reads the Parquet files that rxpath writes, without other libraries.

pandas reads Parquet with pyarrow or fastparquet, which Debian 12 does not
package. This is the little of the format that a table of numbers and texts
needs: flat columns, version 2 data pages, no compression, the encodings PLAIN
and DELTA_LENGTH_BYTE_ARRAY. Anything else is an error that names it.
https://parquet.apache.org/docs/file-format/
"""

import struct


class _Compact:
    """A reader of Thrift's compact protocol, in which Parquet writes its headers: structs become {field id: value}."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self):
        fields, field = {}, 0
        while True:
            head = self.take(1)[0]
            if head == 0:
                return fields
            field = field + (head >> 4) if head >> 4 else self.zigzag()
            kind = head & 15
            fields[field] = kind == 1 if kind in (1, 2) else self.value(kind)

    def value(self, kind):
        if kind in (1, 2, 3):  # in a list a bool is a byte
            return self.take(1)[0]
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 7:
            return struct.unpack("<d", self.take(8))[0]
        if kind == 8:
            return self.take(self.varint())
        if kind in (9, 10):
            head = self.take(1)[0]
            count = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 15) for _ in range(count)]
        if kind == 12:
            return self.struct()
        raise ValueError(f"Thrift type {kind}: not read here")


def _bits(data, width, count):
    """Unpacks count numbers of width bits, the lowest bits first."""
    word = int.from_bytes(data, "little")
    return [word >> i * width & (1 << width) - 1 for i in range(count)]


def _levels(data, count):
    """Decodes the RLE and bit-packing hybrid of definition levels of one bit: 1 where there is a value."""
    r, levels = _Compact(data), []
    while len(levels) < count:
        head = r.varint()
        if head & 1:
            levels += _bits(r.take(head >> 1), 1, 8 * (head >> 1))
        else:
            levels += [r.take(1)[0]] * (head >> 1)
    return levels[:count]


def _deltas(r):
    """Decodes DELTA_BINARY_PACKED."""
    block, minis, count, value = r.varint(), r.varint(), r.varint(), r.zigzag()
    values, each = [value], block // minis
    while len(values) < count:
        least, widths = r.zigzag(), r.take(minis)
        for width in widths:
            if len(values) >= count:
                break
            for delta in _bits(r.take(width * each // 8), width, each):
                value += least + delta
                values.append(value)
    return values[:count]


def _plain(kind, data, count):
    """Decodes PLAIN: INT64, DOUBLE, BYTE_ARRAY."""
    if kind == 2:
        return list(struct.unpack(f"<{count}q", data[:8 * count]))
    if kind == 5:
        return list(struct.unpack(f"<{count}d", data[:8 * count]))
    if kind == 6:
        values, at = [], 0
        for _ in range(count):
            n = int.from_bytes(data[at:at + 4], "little")
            values.append(data[at + 4:at + 4 + n].decode())
            at += 4 + n
        return values
    raise ValueError(f"Parquet type {kind}: not read here")


def _page(data, kind, head):
    """Decodes the values of a version 2 data page, None where there is none."""
    if 8 not in head:
        raise ValueError(f"Parquet page type {head[1]}: not read here")
    info = head[8]
    count, nulls, encoding, level_bytes = info[1], info[2], info[4], info[5]
    levels = _levels(data[:level_bytes], count) if level_bytes else [1] * count
    values = data[level_bytes:]
    if count == nulls:
        present = []
    elif encoding == 0:
        present = _plain(kind, values, count - nulls)
    elif encoding == 6:
        r = _Compact(values)
        lengths = _deltas(r)
        present = [r.take(n).decode() for n in lengths]
    else:
        raise ValueError(f"Parquet encoding {encoding}: not read here")
    rest = iter(present)
    return [next(rest) if level else None for level in levels]


def read_flat_parquet(path):
    """Returns the columns of a file as a dict of lists."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        raise ValueError(f"{path}: not a Parquet file")
    footer = _Compact(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little")).struct()
    unsigned = {e[4].decode() for e in footer[2] if e.get(6) == 14}  # UINT_64
    columns = {}
    for group in footer[4]:
        for chunk in group[1]:
            meta = chunk[3]
            if meta[4] != 0:
                raise ValueError(f"{path}: compressed (codec {meta[4]}): not read here")
            name, values = meta[3][0].decode(), []
            r = _Compact(data, meta[9])
            while len(values) < meta[5]:
                head = r.struct()
                values += _page(r.take(head[3]), meta[1], head)
            if name in unsigned:
                values = [v if v is None else v % 2**64 for v in values]
            columns.setdefault(name, []).extend(values)
    return columns
