"""What can be wrong on the way to Salesforce, with Salesforce itself and with this machine."""

from __future__ import annotations

from datasync_flask.problems.setup_pages import COMPANY, MY_DOMAIN
from datasync_flask.problems.trouble import Action, Entry, Responsible
from datasync_flask.salesforce.errors import Problem

NETWORK: dict[Problem, Entry] = {
    Problem.CLOCK_WRONG: Entry(
        "Clock is wrong",
        "Salesforce refuses what DataSync signed because of its time: the clock of the machine that DataSync runs"
        " on is ahead or behind.",
        (
            "Have the machine’s clock set by a time server (NTP), for instance with: timedatectl set-ntp true. In"
            " a container, that is the clock of its host.",
            "datasync doctor shows by how much it differs. Then keep waiting.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.OPERATOR,
    ),
    Problem.CERTIFICATE_NOT_TRUSTED: Entry(
        "Certificate not trusted",
        "The connection is encrypted, but the certificate that came isn’t one that this machine trusts: a proxy "
        "that inspects TLS put its own there, the certificate is for another host name, or it has expired. A "
        "wrong clock of this machine makes a good certificate look expired.",
        (
            "If a company proxy inspects TLS, put its authority’s certificate into a file and name the file in "
            "SSL_CERT_FILE; if connections have to go through a proxy, name it in HTTPS_PROXY. Then restart "
            "DataSync.",
            "Check that the machine’s clock is right (NTP).",
            "Open the address of the host named below in a browser on the same network and check its certificate.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.OPERATOR,
    ),
    Problem.ADDRESS_MOVED: Entry(
        "Org has a new address",
        "The login address leads on to another one, which is shown below: the org’s My Domain was renamed.",
        ("Edit the connection, enter the new address as its login address, and save.",),
        Action.EDIT,
        setup_pages=(MY_DOMAIN,),
    ),
    Problem.MAINTENANCE: Entry(
        "Salesforce is under maintenance",
        "Salesforce shows a page that says that the org is being set up or maintained. DataSync tries again.",
        (
            "Check Salesforce’s status page for the org’s instance.",
            "Then keep waiting.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.SALESFORCE,
    ),
    Problem.TOO_MANY_REQUESTS: Entry(
        "Too many requests at once",
        "Salesforce takes no more requests for the moment: the org has too many long ones running side by side.",
        ("Try again in some minutes. Check for other programs that read from the same org.",),
        Action.CHECK,
        responsible=Responsible.SALESFORCE,
    ),
    Problem.TOKEN_REQUEST_BUSY: Entry(
        "Salesforce is busy with this token",
        "Salesforce says that another request for the same token is being processed.",
        ("Check again in a minute.",),
        Action.CHECK,
        responsible=Responsible.SALESFORCE,
    ),
    Problem.LOGIN_RATE_EXCEEDED: Entry(
        "Too many log-ins",
        "Salesforce allows no more log-ins for this user for now (3,600 an hour).",
        ("Wait an hour and check again. Check for other programs that log in as the same user.",),
        Action.CHECK,
    ),
    Problem.REQUEST_LIMIT_EXCEEDED: Entry(
        "Day’s API calls are used up",
        "The org has used all API calls of the last 24 hours, so Salesforce answers no more of them.",
        ("Nothing needs to be done here: DataSync checks again every hour.",),
        Action.CHECK,
        setup_pages=(COMPANY,),
    ),
    Problem.HOST_NOT_FOUND: Entry(
        "Login host not found",
        "There is no host of this name. It is misspelt, or this server can’t look up names.",
        (
            "Compare the login host with the address bar of your browser in Salesforce, and correct it here.",
            "If it is right, check the server’s network (DNS).",
        ),
        Action.EDIT,
        responsible=Responsible.OPERATOR,
    ),
    Problem.CONNECTION_FAILED: Entry(
        "Salesforce can’t be reached",
        "The server DataSync runs on can’t connect to Salesforce. A firewall or proxy may be in the way.",
        (
            "Check that the server may open https connections to the host named below; if that works through a proxy "
            "only, name the proxy in HTTPS_PROXY (and exceptions in NO_PROXY) and restart DataSync.",
            "Then keep waiting.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.OPERATOR,
        during_run="The server DataSync runs on couldn’t reach Salesforce, however often it tried. Check that it may"
        " open https connections to the org’s address, then run again: nothing is lost.",
    ),
    Problem.SERVER_ERROR: Entry(
        "Salesforce has a fault",
        "Salesforce answers with a fault of its own.",
        (
            "Check Salesforce’s status page for the org’s instance.",
            "Then keep waiting.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.SALESFORCE,
        during_run="Salesforce answered with a fault of its own (a 5xx status), however often it was asked. Check "
        "Salesforce’s status page for the org’s instance, then run again: nothing is lost.",
    ),
    Problem.NOT_SALESFORCE: Entry(
        "Answer isn’t Salesforce’s",
        "What answers at Salesforce’s address isn’t what Salesforce answers: a company proxy or another site may stand "
        "in between.",
        (
            "Open the login host and the org’s own address in a browser and check that Salesforce’s pages appear.",
            "Then keep waiting.",
        ),
        Action.KEEP_WAITING,
        responsible=Responsible.OPERATOR,
        during_run="What came as Salesforce’s answer isn’t what Salesforce answers: a page of a proxy, half an "
        "answer, or a value that doesn’t fit its field. Run again; if the same comes back, show the words"
        " that follow to whoever looks after the network or the org.",
    ),
    Problem.NO_ANSWER_IN_TIME: Entry(
        "No answer in time",
        "Salesforce took longer than DataSync waits for an answer.",
        ("Check the server’s network, then keep waiting.",),
        Action.KEEP_WAITING,
        responsible=Responsible.OPERATOR,
        during_run="Salesforce took longer than DataSync waits for an answer. Check the server’s network, then run "
        "again: nothing is lost.",
    ),
    Problem.UNTRUSTED_INSTANCE: Entry(
        "Org address not trusted",
        "Salesforce named an address for the org that isn’t one of Salesforce’s own, so no token is sent there.",
        (
            "Check the login host.",
            "If the address is right and yours, the administrator of DataSync can add it to DATASYNC_SALESFORCE_HOSTS.",
        ),
        Action.EDIT,
        responsible=Responsible.OPERATOR,
        setup_pages=(MY_DOMAIN,),
    ),
    Problem.SECRETS_UNREADABLE: Entry(
        "Stored secrets can’t be read",
        "The key that the Client Secret and tokens were encrypted with is missing.",
        (
            "If the old key still exists, put it back into DATASYNC_ENCRYPTION_KEYS and start DataSync again.",
            "Otherwise edit the connection, enter the Client Secret again, and authenticate. With a signed token,"
            " authenticate and upload the new certificate in Salesforce.",
        ),
        Action.EDIT,
        responsible=Responsible.OPERATOR,
        during_run="The key that stored secrets were encrypted with is missing. If the old key still exists, put it "
        "back into DATASYNC_ENCRYPTION_KEYS, start DataSync again, then run again. Otherwise edit the connection, "
        "enter the Client Secret again, and authenticate. If this extraction hashes fields, create a new key for "
        "that with “datasync keys hashing --new”; the next run loads everything again.",
    ),
    Problem.INSTANCE_MOVED: Entry(
        "Org isn’t at its address",
        "The org doesn’t answer at the address that Salesforce gave for it. The login host was asked for the "
        "address once more, and that didn’t help; the login host itself works.",
        (
            "Check that this server can reach the org’s own address, which stands in the words below.",
            "If the org’s My Domain was renamed, check again when the change is complete, or authenticate again.",
        ),
        Action.CHECK,
        responsible=Responsible.OPERATOR,
        setup_pages=(MY_DOMAIN,),
    ),
    Problem.UNEXPECTED: Entry(
        "Unexpected answer",
        "Salesforce answered something that DataSync doesn’t know.",
        ("Read Salesforce’s own words below, fix what they name, and authenticate again.",),
        Action.AUTHENTICATE,
        during_run="Salesforce answered something that DataSync doesn’t know. Read Salesforce’s own words, fix what "
        "they name, then run again: nothing is lost.",
    ),
}
