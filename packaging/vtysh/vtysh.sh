#!/bin/sh
# kubevip: vtysh, with the commands of kubevip. The real one is beside this file, as vtysh.frr (`kubevip-vtysh remove`
# puts it back). Without the extension, and with one that does not fit, it is vtysh as ever.
extension=%MODULEDIR%/kubevip/vtysh.so
if [ -r "$extension" ]; then
	LD_PRELOAD=$extension${LD_PRELOAD:+:$LD_PRELOAD}
	export LD_PRELOAD
fi
exec /usr/bin/vtysh.frr "$@"
