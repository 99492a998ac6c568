// Package rules holds what fpmlint looks for: one file for each rule, its documentation beside it.
package rules

import (
	"slices"

	"fpmlint/lint"
)

// all lists the rules in catalogue order: where two fixes overlap, the first rule's wins.
var all = []lint.Rule{
	NginxSyntax,
	FPMSyntax,
	FPMConfig,
	SocketMismatch,
	ListenPermissions,
	SocketWorldWritable,
	ListenConflict,
	KeepalivePinsWorkers,
	MaxChildrenMemory,
	EmergencyRestart,
	LowReadTimeout,
	TimeoutOrder,
	LowHeaderBuffer,
	BusyBuffers,
	ScriptFilename,
	FPMExposed,
}

// All returns the rules in catalogue order.
func All() []lint.Rule { return slices.Clone(all) }
