"""Signs what schemathesis sends, as botocore does it: SigV4 for the service `execute-api`."""

import os

import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests.auth import AuthBase

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
