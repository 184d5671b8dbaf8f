"""OCPI 2.2.1 (2.1.1 and 2.3.0 by mapping): international suppliers."""
