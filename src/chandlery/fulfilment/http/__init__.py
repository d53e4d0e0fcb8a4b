"""A vendor that is called over HTTP, in a small protocol of our own: docs/guides/add-a-provider.md.

protocol    what is said, and what each answer means
vendor      the provider: signs, sends, and tells what is certain from what is not
"""
