"""T/CEC 102, the interconnection protocol of Chinese operators: envelope, messages, client, supplier."""
