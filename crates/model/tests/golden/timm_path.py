"""Puts scripts/peers on the module path, where the timm nets shared with the speed comparison live."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "scripts" / "peers"))
HERE = pathlib.Path(__file__).resolve().parent
