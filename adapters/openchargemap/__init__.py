"""Open Charge Map: a worldwide register kept by volunteers and fed by official ones; each record has its licence."""
