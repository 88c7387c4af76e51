"""Record episodes, each durable before the next begins, and repair what was cut off."""
