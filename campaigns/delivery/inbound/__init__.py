"""Mail that comes back: bounces (RFC 3464), complaints (RFC 5965), unsubscribes; read without trusting any of it.

Whoever knows an address of ours can send anything there. So every size is bounded, nothing makes the readers
stumble, and what a mail claims counts only for the send whose signed address or Message-ID it carries.
"""
