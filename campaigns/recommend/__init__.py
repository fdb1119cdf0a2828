"""Stage: what to show a customer - interactions, the item-item model, rules, reasons, evaluation."""
