"""Checks the resources in a YAML file as a Kubernetes server does that is strict about unknown fields, and prints each as a line of JSON.

kubernetes.py version VERSION FILE: Kubernetes' own kinds, by the schemas that Kubernetes has published.
kubernetes.py schema SCHEMA FILE: by a JSON Schema.
kubernetes.py definition CRD FILE: by the CustomResourceDefinition that defines the kind.
"""

import json
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml


def strict(schema):
    """A schema of a CustomResourceDefinition as a JSON Schema in which an unknown field is an error."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    closed = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def of_definition(definition):
    """The schema of what a CustomResourceDefinition defines. The metadata of a resource are the server's own matter."""
    schema = strict(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    return schema


how, by, file = sys.argv[1:]
for resource in yaml.safe_load_all(Path(file).read_text()):
    if how == "version":
        kubernetes_validate.validate(resource, by, strict=True)
    elif how == "schema":
        jsonschema.validate(resource, json.loads(Path(by).read_text()))
    else:
        jsonschema.validate(resource, of_definition(yaml.safe_load(Path(by).read_text())))
    print(json.dumps(resource))
