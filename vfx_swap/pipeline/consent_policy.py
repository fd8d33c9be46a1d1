"""What a facility asks of every consent record beside its dates and scope: signatures, and that it is not revoked."""

from __future__ import annotations

from datetime import date

from vfx_swap.pipeline.revocations import require_not_revoked
from vfx_swap.pipeline.signed_record import require_signatures
from vfx_swap.settings.facility import Facility, facility_file, load_facility
from vfx_swap.types import Consent

__all__ = ["require_policy"]


def require_policy(consent: Consent, *, today: date, where: object = None, facility: Facility | None = None) -> None:
    """Refuse a record that the facility's policy does not take.

    Args:
        consent: the record.
        today: the day of the use.
        where: for messages.
        facility: None: the one that holds on this machine.

    Raises:
        ConsentSignatureError: it was changed after it was signed, or is not signed as the policy asks.
        ConsentRevokedError: it is revoked, or the revocation list cannot be gone by.
        MissingInputError, SettingsError: the facility file is not there, or wrong.
    """
    held = load_facility() if facility is None else facility
    file = facility_file() or "the facility file"
    require_signatures(consent.record_json, facility=held, today=today, where=where, file=file)
    require_not_revoked(consent.id, facility=held, today=today, where=where)
