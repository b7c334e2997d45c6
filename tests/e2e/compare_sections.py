#!/usr/bin/env python3
"""Two ELF files may differ in one section only: `compare_sections.py A B SECTION`."""

import re
import subprocess
import sys

a_path, b_path, section = sys.argv[1:]
a, b = open(a_path, "rb").read(), open(b_path, "rb").read()
if len(a) != len(b):
    sys.exit(f"sizes differ: {len(a)} and {len(b)}")
text = subprocess.run(["readelf", "-SW", a_path], check=True, capture_output=True, text=True).stdout
match = re.search(rf"\s{re.escape(section)}\s+\S+\s+[0-9a-f]+\s+([0-9a-f]+)\s+([0-9a-f]+)", text)
if not match:
    sys.exit(f"{a_path} has no section {section}")
begin, size = (int(x, 16) for x in match.groups())
outside = sum(x != y for x, y in zip(a[:begin] + a[begin + size:], b[:begin] + b[begin + size:]))
inside = sum(x != y for x, y in zip(a[begin:begin + size], b[begin:begin + size]))
print(f"{inside} bytes differ inside {section}, {outside} outside")
sys.exit(0 if inside and not outside else 1)
