"""The WeChat official account: pushes in safe mode come in, lists as text go out."""
