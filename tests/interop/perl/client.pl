#!/usr/bin/env perl
# A client with Perl's Gearman::Client. Usage: client.pl PORT SCENARIO; prints what it saw as JSON.
use strict;
use warnings;

use Gearman::Client;
use Gearman::Task;
use JSON::PP;

my ($port, $scenario) = @ARGV;

sub client { return Gearman::Client->new(job_servers => ["127.0.0.1:$port"], @_) }

sub status {
    my ($status) = @_;
    return [map { 0 + ($_ // 0) } $status->known, $status->running, @{ $status->progress // [] }];
}

# Options of a task that note everything it is told, in order.
sub noting {
    my ($events) = @_;
    return (
        on_data      => sub { push @$events, [data => ${ $_[0] }] },
        on_warning   => sub { push @$events, [warning => ${ $_[0] }] },
        on_status    => sub { push @$events, [status => 0 + $_[0], 0 + $_[1]] },
        on_complete  => sub { push @$events, [complete => ${ $_[0] }] },
        on_exception => sub { push @$events, [exception => $_[0]] },
        on_fail      => sub { push @$events, ['fail'] },
    );
}

sub run_task {
    my ($client, $function) = @_;
    my @events;
    $client->do_task(Gearman::Task->new($function, \'data', { noting(\@events) }));
    return \@events;
}

my %scenarios = (
    do => sub {
        my $client = client();
        return [
            ${ $client->do_task(reverse => 'one') },
            ${ $client->do_task(reverse => 'two', { priority => 'high' }) },
            ${ $client->do_task(limited => 'three') },
        ];
    },

    large => sub {
        my $data   = "\0some bytes\xff" x 200000;
        my $result = client()->do_task(reverse => $data);
        return $$result eq reverse($data) ? JSON::PP::true : JSON::PP::false;
    },

    queue => sub {
        my $client = client();
        return [
            $client->dispatch_background(f => 'low', { uniq => 'l', priority => 'low' }),
            $client->dispatch_background(f => 'normal', { uniq => 'n' }),
            $client->dispatch_background(f => 'high', { uniq => 'h', priority => 'high' }),
            $client->dispatch_background(f => 'again', { uniq => 'n' }),
        ];
    },

    dash => sub {
        my $client = client();
        return [map { $client->dispatch_background(f => $_, { uniq => '-' }) } qw(one one two)];
    },

    status => sub {
        my $client = client();
        my $handle = $client->dispatch_background(f => 'data');
        (my $unknown = $handle) =~ s/\d+$/999999/;
        return [status($client->get_status($handle)), status($client->get_status($unknown))];
    },

    taskset => sub {
        my $tasks = client()->new_task_set;
        my %result;
        for my $data (qw(one two three four five)) {
            $tasks->add_task(
                reverse => $data,
                { uniq => $data, on_complete => sub { $result{$data} = ${ $_[0] } } }
            );
        }
        $tasks->wait(timeout => 20);
        return \%result;
    },

    updates => sub { return run_task(client(), 'updates') },

    fail => sub { return run_task(client(), 'fail') },

    exception => sub { return run_task(client(exceptions => 1), 'exception') },

    'exception without asking' => sub { return run_task(client(), 'exception') },

    functions => sub {
        my $client = client();
        $client->dispatch_background(f => 'data');
        return $client->get_job_server_status->{"127.0.0.1:$port"};
    },
);

print JSON::PP->new->canonical->encode([$scenarios{$scenario}->()]), "\n";
