"""Whom we trade with: addresses, contacts, relations.

Facts about an organisation that a document or a parcel needs.

    address.py, addresses.py     Postal (what is printed), Address (an entry of the address book); its use cases
    contact.py, contacts.py      Person, Contact (whom to turn to); its use cases
    company.py, letterhead.py    what registers say; how letters and documents look; companies.py: use cases of both
    countries.py, vat.py         ISO 3166 and VAT numbers, as well-kept libraries know them
"""
