"""Values that nobody should send, and somebody will."""

from __future__ import annotations

import random
import unicodedata

PICKED = (
    "", " ", "\t", "\n", "\r\n", "\x00", "a\x00b", "\x1b[31mred", "\u202eevil", "\u200b", "\ufeff", "\ud7ff", "\U0010ffff",
    "0", "-1", "1e309", "NaN", "Infinity", "99999999999999999999", "1;2", "0x7f", "true", "null", "undefined", "[]", "{}",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg/onload=alert(1)>", "javascript:alert(1)",
    "</textarea><script>alert(1)</script>", "{{7*7}}", "{% raise %}", "${7*7}", "#{7*7}", "%s%s%s%n", "%(x)s", "{0}",
    "' OR '1'='1", "'; DROP TABLE users; --", "\" OR \"\"=\"", "1 UNION SELECT password_hash FROM users", "admin'--",
    "../../../../etc/passwd", "..\\..\\windows", "/etc/passwd", "~/.ssh/id_rsa", "file:///etc/passwd", "C:\\boot.ini",
    "con", "a/../../b", "%2e%2e%2f", "https://evil.example", "//evil.example", "\\\\evil.example", "https:evil.example",
    "https://login.salesforce.com@evil.example", "https://evilsalesforce.com", "https://salesforce.com.evil.io",
    "https://login.sаlesforce.com", "http://169.254.169.254/latest/meta-data", "http://[::1]:22", "gopher://127.0.0.1",
    "https://login.salesforce.com:22", "https://login.salesforce.com\\@evil.example", "http://0x7f000001",
    "Name\r\nSet-Cookie: x=y", "a\r\nBcc: b@example.com", "=cmd|' /C calc'!A0", "@SUM(1+1)", "+1", "-1+1",
    "a" * 130, "ä" * 4000, "😀" * 100, "\u0301" * 200, "e\u0301", "ﬁ", "ｆｕｌｌ", "İ", "ß", "\u2028", "\u2029",
    "data-nonce", "__class__", "constructor", "__proto__", "()", "a,b,,c", ",,,,", "on", "off", "*", "?", "#", "&", "+",
    "every 0 minutes", "every -5 minutes", "* * * * * *", "99 99 99 99 99", "@reboot", "Europe/Nowhere", "../UTC",
    "Account; DELETE", "Account WHERE Id != null", "Id FROM Account", "Account__c__c", "1Account", "a" * 81,
    "WHERE 1=1) OR (1=1", "\\", "'", '"', "`", "%", "_", "%00", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"),
)  # fmt: skip


def generated(count: int, seed: int) -> list[str]:
    """Return random texts of all kinds of characters, the same for the same seed."""
    chance, found = random.Random(seed), []
    while len(found) < count:
        length = chance.choice((1, 2, 5, 20, 100, 600))
        text = "".join(chr(chance.choice((chance.randrange(32), chance.randrange(127), chance.randrange(0x2FFFF))))
                       for _ in range(length))  # fmt: skip
        found.append("".join(each for each in text if unicodedata.category(each) != "Cs"))
    return found
