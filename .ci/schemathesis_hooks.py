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
        request = AWSRequest(method=prepared.method, url=prepared.url, data=prepared.body)
        SIGNER.add_auth(request)
        prepared.headers.update(dict(request.headers.items()))
        return prepared


schemathesis.auth.set_from_requests(SignedByCaller())
