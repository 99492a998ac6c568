package fix

// Programs are the user's choices of programs and commands.
type Programs struct {
	// Nginx is nginx's file, "" for the one that is found.
	Nginx string
	// FPM are php-fpm's files by version; "" is the one for every other version.
	FPM                    map[string]string
	NginxTest, FPMTest     string
	NginxReload, FPMReload string
	// Live says that programs may be looked for and run: the root is this machine.
	Live bool
}

// Step is something that a run has done, to be told as it happens.
type Step struct {
	// Action is a verb: check, write, reload, ...; Object what it was done to.
	Action string `json:"action"`
	Object string `json:"object"`
	// Note says more: why something was left out.
	Note string `json:"note,omitempty"`
	// Error is why the step failed, "" where it did not.
	Error string `json:"error,omitempty"`
}
