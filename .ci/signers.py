"""Calls the local stack through botocore's signers, the code that boto3 and the AWS CLI sign with.

Exits with a message on the first answer that is not as it would be from API Gateway.
"""

import json
import subprocess
import urllib.error
import urllib.request

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TEST = Credentials("test", "test")
WRONG = Credentials("test", "not-the-secret")


def send(request):
    prepared = request.prepare()
    sent = urllib.request.Request(
        prepared.url, data=prepared.body, headers=dict(prepared.headers), method=prepared.method
    )
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def call(base, signer, method, path, body=None, params=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    data = json.dumps(body).encode() if body is not None else None
    request = AWSRequest(
        method=method, url=base["url"] + path, data=data, headers=headers, params=params or {}
    )
    signer.add_auth(request)
    return send(request)


def check(what, answer, status, code=None):
    got, body = answer
    if got != status or (code and body.get("code") != code):
        raise SystemExit(f"{what}: expected {status} {code or ''}, got {got} {body}")
    print(f"{what}: {got}")
    return body


def main():
    stack = subprocess.Popen(
        ["cargo", "xtask", "local", "--port", "0", "--ephemeral", "--output", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        base = json.loads(stack.stdout.readline())
        region = base["region"]
        header = SigV4Auth(TEST, "execute-api", region)
        query = SigV4QueryAuth(TEST, "execute-api", region, expires=60)
        user = check(
            "botocore, header: register",
            call(base, header, "POST", "/users", {"email": "ada+ci@example.com", "roles": ["a:b"]}),
            201,
        )
        path = f"/users/{user['userId']}"
        check("botocore, header: get", call(base, header, "GET", path), 200)
        check(
            "botocore, header: query with characters to encode",
            call(base, header, "GET", "/users", params={"email": "ada+ci@example.com"}),
            200,
        )
        check(
            "botocore, header: escaped path",
            call(base, header, "DELETE", path + "/roles/a%3Ab"),
            200,
        )
        check("botocore, presigned: get", call(base, query, "GET", path), 200)
        check(
            "botocore, wrong secret",
            call(base, SigV4Auth(WRONG, "execute-api", region), "GET", path),
            403,
            "not-authenticated",
        )
        check(
            "botocore, wrong service",
            call(base, SigV4Auth(TEST, "s3", region), "GET", path),
            403,
            "not-authenticated",
        )
        print("7 passed, 0 failed")
    finally:
        stack.terminate()
        stack.wait()


if __name__ == "__main__":
    main()
