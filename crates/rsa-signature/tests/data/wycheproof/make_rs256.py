"""Writes rs256.txt from a checkout of https://github.com/C2SP/wycheproof: python3 make_rs256.py CHECKOUT > rs256.txt"""

import base64
import json
import sys
from collections import Counter
from pathlib import Path

VECTORS = Path(sys.argv[1]) / "testvectors_v1"


def base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def groups(name):
    return json.loads((VECTORS / name).read_text())["testGroups"]


def key(name, modulus, exponent):
    print("key", name, modulus.lstrip(b"\0").hex(), exponent.hex())


def vector(number, result, message, signature):
    print(number, result, message.hex() or "-", signature.hex() or "-")


# PKCS #1: all of the 2048-bit vectors; of the others all good ones and the first two bad ones for each reason.
for bits in (2048, 3072, 4096):
    for index, group in enumerate(groups(f"rsa_signature_{bits}_sha256_test.json")):
        public = group["publicKey"]
        key(f"rsa_{bits}_{index}", bytes.fromhex(public["modulus"]), bytes.fromhex(public["publicExponent"]))
        seen = Counter()
        for test in group["tests"]:
            seen.update(test["flags"])
            rare = any(seen[flag] <= 2 for flag in test["flags"])
            if bits == 2048 or test["result"] != "invalid" or rare:
                vector(test["tcId"], test["result"], bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))

# JSON Web Signatures: those with an RS256 key for signatures, all good ones, and the bad ones that are not about DER.
for index, group in enumerate(groups("json_web_signature_test.json")):
    public = group.get("public", {})
    if public.get("alg") == "RS256":
        key(f"jws_{index}", base64url(public["n"]), base64url(public["e"]))
        for test in group["tests"]:
            parts = test["jws"].split(".") if isinstance(test["jws"], str) else []
            if len(parts) == 3 and (test["result"] == "valid" or test["comment"].startswith("rejects")):
                message = ".".join(parts[:2]).encode()
                vector(test["tcId"], test["result"], message, base64url(parts[2]))
