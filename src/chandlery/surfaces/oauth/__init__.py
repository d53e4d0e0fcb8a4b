"""Signing in: the token endpoint and its metadata, and pages for people with a browser.

RFC 6749, 7009, 7636, 7662, 8414, 9207; OpenID Connect as a client of organisations' own providers.

routes        what there is
dialect       how it says no: to programs by RFC 6749, to people by a page
tokens        getting, giving back and asking about tokens; metadata beside it
sign_in       password, second factor, out again
authorize     what an app may do for somebody, and the code for it
from_letters  invitations and new passwords
federation    through an organisation's provider and back; openid is the protocol
browsers      the sessions and codes behind all of these; rendering and cookies are what they are made of
"""
