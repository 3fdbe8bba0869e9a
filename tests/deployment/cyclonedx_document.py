"""Checks a bill of materials by CycloneDX' own validator, strictly: cyclonedx_document.py FILE"""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(sys.argv[1]).read_text())
if error:
    sys.exit(str(error)[:2000])
print("valid")
