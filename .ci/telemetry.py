"""Reads lines of metrics by AWS's published schema, and trace documents with moto's X-Ray.

Arguments: the schema of the embedded metric format, the folder with `metrics.jsonl` and
`segments.jsonl`, and AWS's schema of documents where it is at hand. Exits with a message at the first thing that is not accepted.
"""

import json
import os
import pathlib
import sys

import boto3
import jsonschema
from moto import mock_aws

# What must be among it, or the check would hold for an empty file.
OPERATIONS = {
    "assignRole",
    "getUser",
    "listUsers",
    "publishAudit",
    "queryAudit",
    "registerUser",
    "removeRole",
    "setStatus",
    "updateUser",
}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def hold_to(schema, found):
    validator = jsonschema.validators.validator_for(schema)(schema)
    for value in found:
        for error in validator.iter_errors(value):
            raise SystemExit(f"{error.json_path}: {error.message}: {value}")


def check_metrics(schema, found):
    hold_to(schema, found)
    names = set()
    for line in found:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            # The specification: targets are members of the root, dimensions texts, metrics numbers.
            for dimension in (key for keys in directive["Dimensions"] for key in keys):
                if not isinstance(line[dimension], str):
                    raise SystemExit(f"{dimension} is no text: {line}")
            for metric in directive["Metrics"]:
                if not isinstance(line[metric["Name"]], (int, float)):
                    raise SystemExit(f"{metric['Name']} is no number: {line}")
                names.add(metric["Name"])
    missing = OPERATIONS - {line.get("Operation") for line in found}
    if missing:
        raise SystemExit(f"there are no metrics of {sorted(missing)}")
    print(f"{len(found)} lines with {len(names)} metrics: {', '.join(sorted(names))}")


@mock_aws
def check_documents(found):
    xray = boto3.client("xray", region_name="us-east-1")
    # As the daemon of Lambda passes them on.
    for document in found:
        answer = xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(document)])
        if answer["UnprocessedTraceSegments"]:
            raise SystemExit(f"{answer['UnprocessedTraceSegments']}: {document}")
    # What was put can be read again, every document in the trace that it names.
    for trace_id in {document["trace_id"] for document in found}:
        traces = xray.batch_get_traces(TraceIds=[trace_id])["Traces"]
        read = {segment["Id"] for trace in traces for segment in trace["Segments"]}
        put = {document["id"] for document in found if document["trace_id"] == trace_id}
        if read != put:
            raise SystemExit(f"{trace_id}: {put} were put and {read} are there")
    # The relay's segment hangs below what the request did, in the same trace.
    by_id = {document["id"]: document for document in found}
    relayed = [document for document in found if document["name"] == "users-audit-publish"]
    for document in relayed:
        request = by_id[document["parent_id"]]
        if request["trace_id"] != document["trace_id"]:
            raise SystemExit(f"{document} is in another trace than {request}")
    missing = OPERATIONS - {document["name"] for document in found}
    if missing or not relayed:
        raise SystemExit(f"no documents of {sorted(missing)}, {len(relayed)} of causes")
    print(f"{len(found)} documents, {len(relayed)} of them the relay's in traces of requests")


def main():
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    schema, folder, *schemas_of_documents = map(pathlib.Path, sys.argv[1:])
    check_metrics(json.loads(schema.read_text()), lines(folder / "metrics.jsonl"))
    documents = lines(folder / "segments.jsonl")
    check_documents(documents)
    for schema in schemas_of_documents:
        hold_to(json.loads(schema.read_text()), documents)
        print(f"{len(documents)} documents as {schema.name} has them")


main()
