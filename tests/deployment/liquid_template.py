"""Writes what `spin new` writes: renders each file of FOLDER with Liquid into OUTPUT.

liquid_template.py FOLDER OUTPUT, and on standard input the parameters, as JSON: `{ NAME: { "value": TEXT, "pattern": REGEX or null } }`.
"""

import json
import re
import sys
from pathlib import Path

from liquid import Environment, StrictUndefined


def kebab_case(text):
    return "-".join(word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", text))


environment = Environment(undefined=StrictUndefined)
# Of Spin's own filters, the one that the template uses.
environment.add_filter("kebab_case", kebab_case)
parameters = json.load(sys.stdin)
for name, parameter in parameters.items():
    if parameter["pattern"] and not re.search(parameter["pattern"], parameter["value"]):
        sys.exit(f"{name} does not match {parameter['pattern']}")
values = {name: parameter["value"] for name, parameter in parameters.items()}
folder, output = Path(sys.argv[1]), Path(sys.argv[2])
for file in folder.rglob("*"):
    if file.is_file():
        # Spin takes `.tmpl` away.
        target = output / str(file.relative_to(folder)).removesuffix(".tmpl")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(environment.from_string(file.read_text()).render(**values))
