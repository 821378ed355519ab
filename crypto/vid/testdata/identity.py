"""A second implementation of ../SPEC.md, in Python's standard library alone, run
against identity.json: python3 identity.py [identity.json]. It ends with 1 if a
vector comes out otherwise, and prints how many came out as they stand."""

import datetime
import hashlib
import hmac
import json
import os
import re
import sys
import unicodedata as u

WEAK = "urn:emrbchain:name-birthdate-sex"


class Refused(Exception):
    pass


def demand(holds):
    if not holds:
        raise Refused


def assigned(c):
    return u.category(c)[0] in "LMNPS" or u.category(c) == "Zs"


def clean(typed):
    demand(len(typed.encode()) <= 256)
    out = ""
    for c in u.normalize("NFKC", typed):
        if u.category(c) == "Nd":
            out += str(u.decimal(c))
        elif c.isspace() and c not in "\x1c\x1d\x1e\x1f" or u.category(c) in ("Zs", "Cf", "Pd") or c == ".":
            pass
        else:
            demand(assigned(c))
            upper = c.upper()
            out += upper if len(upper) == 1 else c
    demand(out)
    return u.normalize("NFKC", out)


def is_day(s):
    try:
        datetime.date(int(s[:4]), int(s[4:6]), int(s[6:]))
    except ValueError:
        return False
    return True


def weigh(digits, weights):
    return sum(int(d) * w for d, w in zip(digits, weights))


def mod_11_2(digits):
    # ISO 7064 as a power sum: the character makes the whole 1 modulo 11.
    total = sum(int(d) * pow(2, len(digits) - i, 11) for i, d in enumerate(digits))
    return "0123456789X"[(1 - total) % 11]


def verhoeff(digits):
    # Elements of the dihedral group as permutations of a pentagon's corners.
    def turn(n):
        return [(n % 5 + k if n < 5 else n % 5 - k) % 5 for k in range(5)]

    permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    whole = turn(0)
    for place, d in enumerate(reversed(digits)):
        n = int(d)
        for _ in range(place % 8):
            n = permutation[n]
        whole = [whole[k] for k in turn(n)]
    return whole == turn(0)


def china(s):
    if re.fullmatch("[0-9]{15}", s):
        demand(s[12:] not in ("996", "997", "998", "999"))
        s = s[:6] + "19" + s[6:]
        s += mod_11_2(s)
    demand(re.fullmatch("[0-9]{17}[0-9X]", s))
    demand(s[17] == mod_11_2(s[:17]) and is_day(s[6:14]))
    return s


def of(form, check):
    def rule(s):
        demand(re.fullmatch(form, s) and check(s))
        return s

    return rule


def luhn(s):
    return sum(sum(map(int, str(int(d) * (1 + i % 2)))) for i, d in enumerate(reversed(s))) % 10 == 0


def kvnr(s):
    digits = "%02d" % (ord(s[0]) - ord("A") + 1) + s[1:9]
    return sum(sum(map(int, str(int(d) * (1 + i % 2)))) for i, d in enumerate(digits)) % 10 == int(s[9])


def nir(s):
    number = s
    if s[5:7] in ("2A", "2B"):
        number = s[:5] + {"2A": "19", "2B": "18"}[s[5:7]] + s[7:]
    return number.isdigit() and 97 - int(number[:13]) % 97 == int(number[13:])


def taiwan(s):
    n = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(s[0]) + 10
    return weigh(str(n) + s[1:], (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


RULES = {
    "urn:oid:2.16.156.10011.1.3": china,
    "https://fhir.nhs.uk/Id/nhs-number": of("[0-9]{10}", lambda s: weigh(s, range(10, 0, -1)) % 11 == 0),
    "urn:emrbchain:in:aadhaar": of("[2-9][0-9]{11}", verhoeff),
    "http://fhir.nl/fhir/NamingSystem/bsn": of(
        "[0-9]{9}", lambda s: int(s) and weigh(s, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0),
    "http://ns.electronichealth.net.au/id/hi/ihi/1.0": of("800360[0-9]{10}", luhn),
    "http://fhir.de/sid/gkv/kvid-10": of("[A-Z][0-9]{9}", kvnr),
    "urn:oid:1.2.250.1.213.1.4.8": of("[0-9]{5}(2[AB]|[0-9]{2})[0-9]{8}", nir),
    "http://www.moi.gov.tw": of("[A-Z][0-9]{9}", taiwan),
    "http://hl7.org/fhir/sid/us-ssn": of("(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}", lambda s: True),
}


def normalize(system, typed, opaque):
    demand(system and len(system.encode()) <= 256 and not re.search(r"[\x00-\x20\x7f]", system))
    rule = RULES.get(system)
    if re.fullmatch("http://hl7.org/fhir/sid/passport-[A-Z]{3}", system):
        rule = of("[A-Z0-9]{5,9}", lambda s: True)
    demand(rule or system in opaque)
    cleaned = clean(typed)
    return rule(cleaned) if rule else cleaned


def demographic(person, birth_date, sex):
    name = ""
    for c in u.normalize("NFKC", person):
        if c.isspace() or u.category(c) == "Zs":
            name += " "
        elif u.category(c) not in ("Cf", "Cc"):
            demand(assigned(c) and c != "|")
            name += c
    name = " ".join(u.normalize("NFKC", name.casefold()).split())
    demand(name and re.fullmatch(r"\d{4}-\d\d-\d\d", birth_date) and is_day(birth_date.replace("-", "")))
    demand(sex in ("male", "female", "other", "unknown"))
    return "|".join((name, birth_date, sex))


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def root(key, system, value):
    parts = [b"emrb/id/v1"]
    for text in (system.encode(), value.encode()):
        parts += [len(text).to_bytes(2, "big"), text]
    return mac(key, *parts)


def local(site_key, epoch, g):
    number = int.from_bytes(mac(site_key, b"emrb/local/v1", epoch.to_bytes(2, "big"), g)[:20], "big")
    symbols = [0, epoch >> 5, epoch & 31] + [number >> 5 * i & 31 for i in reversed(range(32))]
    check = 1
    for s in [ord(c) >> 5 for c in "lid"] + [0] + [ord(c) & 31 for c in "lid"] + symbols + [0] * 6:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ s
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> i & 1 else 0
    check ^= 0x2BC830A3
    symbols += [check >> 5 * i & 31 for i in reversed(range(6))]
    return "lid1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[s] for s in symbols)


def key_id(prefix, *parts):
    return hashlib.sha256(prefix + b"".join(parts)).hexdigest()[:16]


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "identity.json")
    with open(path, encoding="utf-8") as file:
        v = json.load(file)
    key, site_key, epoch = bytes.fromhex(v["key"]), bytes.fromhex(v["site_key"]), v["epoch"]
    wrong = []

    def compare(name, got, want):
        if got != want:
            wrong.append("%s: %s, not %s" % (name, got, want))

    compare("key_id", key_id(b"emrb/epoch-key/v1", epoch.to_bytes(2, "big"), key), v["key_id"])
    compare("site_key_id", key_id(b"emrb/site-key/v1", site_key), v["site_key_id"])
    made = [(c, c["system"], lambda c=c: normalize(c["system"], c["typed"], v["opaque"])) for c in v["identifiers"]]
    made += [(c, WEAK, lambda c=c: demographic(c["person"], c["birth_date"], c["sex"])) for c in v["demographic"]]
    for c, system, normal in made:
        try:
            value = normal()
        except Refused:
            wrong.append(c["name"] + ": refused")
            continue
        g = root(key, system, value)
        compare(c["name"], (value, g.hex(), local(site_key, epoch, g)), (c["normal"], c["root"], c["local"]))
    for c in v["refused"]:
        try:
            normalize(c["system"], c["typed"], v["opaque"])
            wrong.append(c["name"] + ": taken")
        except Refused:
            pass
    print("\n".join(wrong + ["%d made, %d refused, %d wrong" % (len(made), len(v["refused"]), len(wrong))]))
    return 1 if wrong else 0


sys.exit(main())
