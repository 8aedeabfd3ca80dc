"""Signs what schemathesis sends, as botocore does it: SigV4 for the service `execute-api`."""

import itertools
import os
import re

import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests.auth import AuthBase
from schemathesis.generation.meta import TestPhase

SIGNER = SigV4Auth(Credentials("test", "test"), "execute-api", os.environ["USERS_API_REGION"])


class SignedByCaller(AuthBase):
    """Signs the request as it goes out, when path, query and body are what will be sent."""

    def __call__(self, prepared):
        # SigV4 knows no other spelling of a space in a query.
        path, mark, query = prepared.url.partition("?")
        prepared.url = path + mark + query.replace("+", "%20")
        request = AWSRequest(method=prepared.method, url=prepared.url, data=prepared.body)
        SIGNER.add_auth(request)
        prepared.headers.update(dict(request.headers.items()))
        return prepared


schemathesis.auth.set_from_requests(SignedByCaller())

# An address for sure: little of what the pattern of addresses allows is one.
ADDRESS = re.compile(r"[a-z0-9]+@[a-z0-9]+(\.[a-z]+)+", re.IGNORECASE)

# What was registered so far: addresses, and idempotency keys of any write.
ADDRESSES = set()
KEYS = set()
numbers = itertools.count(1)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Makes most addresses new ones: the examples come again and again, and so do short keys, and an
    address that is none or is taken, or a key that was used, leads nowhere. In a sequence all are, or
    else what it may go on with would depend on the sequences before; elsewhere every fourth stays as
    it was."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    number = next(numbers)
    fresh = case.meta.phase.name == TestPhase.STATEFUL or number % 4 != 0
    key = (case.headers or {}).get("Idempotency-Key")
    if key in KEYS and fresh:
        case.headers["Idempotency-Key"] = f"fresh-{number}"
    elif key:
        KEYS.add(key)
    address = case.body.get("email") if isinstance(case.body, dict) else None
    if not isinstance(address, str):
        return
    if fresh and (address in ADDRESSES or not ADDRESS.fullmatch(address.strip())):
        case.body["email"] = f"u{number}@example.com"
    else:
        ADDRESSES.add(address)


# Rules beyond what a JSON Schema can say, by the words of the refusal: lengths after NFC, what makes
# an address or a language tag, parameters that exclude each other.
BEYOND_SCHEMAS = {
    "cannot be combined with email",
    "is not a BCP 47 language tag",
    "is not a valid email address",
    "must be before to",
    "must have 1 to 128 characters",
    "must have 1 to 256 characters",
    "must have at most 254 bytes",
    "must have at most 32 entries",
    "must have at most 128 characters",
    "must have at most 512 characters",
    "must have at most 64 bytes before the @",
}


@schemathesis.check
def refused_for_what_no_schema_says(ctx, response, case):
    """A request that the document allows is 400 for a rule only that the document cannot express."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 400:
        return
    # Among its edges are optional headers that it sends empty, whatever their schema says.
    if "" in (case.headers or {}).values():
        return
    problem = response.json()
    if problem["code"] == "invalid-cursor":
        return
    errors = problem.get("errors") or [{"detail": problem["detail"]}]
    unexpected = [error for error in errors if error["detail"] not in BEYOND_SCHEMAS]
    assert not unexpected, f"the document allows what is refused: {unexpected}"
