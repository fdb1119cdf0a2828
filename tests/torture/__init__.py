"""The kill test: a campaign goes out while everything it stands on is killed, stopped and filled up."""
