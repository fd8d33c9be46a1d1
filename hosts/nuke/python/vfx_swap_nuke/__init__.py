"""The Nuke adapter of vfx-swap: a Group whose plate goes to a server, or this machine's agent, and comes back."""
