"""The sandbox operator's ids and keys: fixed, public, worth nothing. FOR THE SANDBOX ONLY, never for a partner.

They are printed here so that a fresh clone works without a secret. The sandbox listens on loopback.
"""

OPERATOR_ID = "SANDBOX01"  # the pretend operator
CUSTOMER_ID = "KILOWATCH"  # us, as its customer
OPERATOR_SECRET = "sandbox-only-operator-secret"  # noqa: S105
DATA_SECRET = "sandbox-only-aes"  # noqa: S105
DATA_SECRET_IV = "sandbox-only--iv"  # noqa: S105
SIG_SECRET = "sandbox-only-sig"  # noqa: S105

# The set we issue to the sandbox, for its pushes to us. Worth nothing: taken from this machine only.
CALLBACK_OPERATOR_SECRET = "sandbox-push-operator-secret"  # noqa: S105
CALLBACK_DATA_SECRET = "sandbox-push-aes"  # noqa: S105
CALLBACK_DATA_SECRET_IV = "sandbox-push--iv"  # noqa: S105
CALLBACK_SIG_SECRET = "sandbox-push-sig"  # noqa: S105

# For registering with the sandbox's OCPI side; dead while somebody is registered.
OCPI_TOKEN_A = "sandbox-only-token-a"  # noqa: S105  public on purpose: it opens the sandbox alone
