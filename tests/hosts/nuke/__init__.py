"""The Nuke adapter, on a fake that is bounded by Nuke's published stub."""
